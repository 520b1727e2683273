package template_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/template"
)

const small = `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Environment: {Type: String, Default: dev}
  Networks: {Type: String, Default: public}
Mappings:
  ByEnvironment: {dev: {Level: DEBUG}, prod: {Level: INFO}}
Conditions:
  IsProd: !Equals [!Ref Environment, prod]
  IsDev: !Not [!Condition IsProd]
  Both: {"Fn::And": [{Condition: IsDev}, {"Fn::Or": [{Condition: IsProd}, {Condition: IsDev}]}]}
Globals:
  Function:
    Handler: bootstrap
    Timeout: 20
    Environment:
      Variables: {TABLE_NAME: !GetAtt Data.Outputs.TableName, LEVEL: !FindInMap [ByEnvironment, !Ref Environment, Level]}
Resources:
  GatewayApi:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Gate
        Authorizers: {Gate: {FunctionArn: !Ref AuthorizerFunction.Alias}}
  ManagementApi:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth: {Authorizers: {Own: {FunctionArn: !GetAtt AuthorizerFunction.Arn}}}
  AuthorizerFunction:
    Type: AWS::Serverless::Function
    Properties: {Timeout: 5, MemorySize: 256}
  ProxyFunction:
    Type: AWS::Serverless::Function
    Properties:
      Environment:
        Variables:
          NETWORKS: !Ref Networks
          NAME: !Sub "${AWS::StackName}-${Environment}-${!literal}-${Data.Outputs.KeyId}"
          PAIR: !Sub ["${a}/${Environment}", {a: !Join ["-", [x, !Select [1, !Split [",", "y,z"]]]]}]
          LEVEL: !If [IsProd, none, !If [Both, "yes", "no"]]
          GONE: !If [IsProd, here, !Ref AWS::NoValue]
      Events:
        Any: {Type: HttpApi, Properties: {ApiId: !Ref GatewayApi}}
        Health: {Type: HttpApi, Properties: {ApiId: !Ref GatewayApi, Path: /healthz, Method: get, Auth: {Authorizer: NONE}}}
        Admin: {Type: HttpApi, Properties: {ApiId: !Ref ManagementApi, Path: "/admin/v1/{proxy+}", Method: ANY, Auth: {Authorizer: Own}}}
        Open: {Type: HttpApi, Properties: {ApiId: !Ref ManagementApi, Path: /, Method: GET}}
        Tick: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute), Input: '{"a":1}'}}
        Off: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute), State: DISABLED}}
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Data.Outputs.QueueArn}}
  NeverFunction:
    Type: AWS::Serverless::Function
    Condition: IsProd
    Properties: {}
`

func TestATemplateTellsFunctionsRoutesAuthorizersAndSchedules(t *testing.T) {
	got, err := template.Read([]byte(small), map[string]string{"Networks": "loopback"})
	if err != nil {
		t.Fatal(err)
	}
	want := &template.Template{
		Functions: []template.Function{
			{ID: "AuthorizerFunction", Handler: "bootstrap", MemoryMB: 256, Timeout: 5 * time.Second,
				Env: map[string]string{"TABLE_NAME": "Data.Outputs.TableName", "LEVEL": "DEBUG"}},
			{ID: "ProxyFunction", Handler: "bootstrap", MemoryMB: 128, Timeout: 20 * time.Second,
				Env: map[string]string{"TABLE_NAME": "Data.Outputs.TableName", "LEVEL": "yes", "NETWORKS": "loopback",
					"NAME": "sluice-local-dev-${literal}-Data.Outputs.KeyId", "PAIR": "x-z/dev"},
				Schedules: []template.Schedule{{Name: "Tick", Expression: "rate(1 minute)", Input: `{"a":1}`}}},
		},
		APIs: []template.API{
			{ID: "GatewayApi", Routes: []template.Route{
				{Function: "ProxyFunction", Authorizer: "AuthorizerFunction"},
				{Method: "GET", Path: "/healthz", Function: "ProxyFunction"},
			}},
			{ID: "ManagementApi", Routes: []template.Route{
				{Method: "GET", Path: "/", Function: "ProxyFunction"},
				{Method: "ANY", Path: "/admin/v1/{proxy+}", Function: "ProxyFunction", Authorizer: "AuthorizerFunction"},
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestThePlatformsOwnTemplateHasWhatTheLocalCloudNeeds(t *testing.T) {
	source, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Read(source, map[string]string{"UpstreamNetworks": "loopback"})
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := got.API("gateway")
	if err != nil {
		t.Fatal(err)
	}
	management, err := got.API("management")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, a := range []template.API{gateway, management} {
		for _, r := range a.Routes {
			keys[a.ID+" "+r.Key()] = r.Function + "<" + r.Authorizer
		}
	}
	for route, want := range map[string]string{
		"GatewayApi $default":                      "ProxyFunction<AuthorizerFunction",
		"GatewayApi GET /healthz":                  "ProxyFunction<",
		"ManagementApi ANY /admin/v1/{proxy+}":     "CatalogFunction<AuthorizerFunction",
		"ManagementApi GET /admin/v1/openapi.json": "CatalogFunction<",
		"ManagementApi $default":                   "PortalFunction<",
	} {
		if keys[route] != want {
			t.Errorf("%s leads to %q, want %q", route, keys[route], want)
		}
	}
	if f, ok := got.Function("RollupFunction"); !ok || len(f.Schedules) != 1 || f.Folder() != "rollup" {
		t.Errorf("the rollup is %+v", f)
	}
	if f, _ := got.Function("ProxyFunction"); f.Env["SLUICE_UPSTREAM_NETWORKS"] != "loopback" {
		t.Errorf("a parameter's override did not reach the proxy: %v", f.Env)
	}
}

func TestEveryFaultOfATemplateIsNamedTogether(t *testing.T) {
	source := `
Resources:
  GatewayApi: {Type: AWS::Serverless::HttpApi, Properties: {Auth: {DefaultAuthorizer: Gate, Authorizers: {Gate: {FunctionArn: !Ref NoFunction}}}}}
  AFunction:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: soon
      MemorySize: 20000
      Events:
        A: {Type: HttpApi, Properties: {ApiId: !Ref GatewayApi}}
        B: {Type: HttpApi, Properties: {ApiId: !Ref GatewayApi}}
        C: {Type: HttpApi, Properties: {ApiId: nowhere}}
        D: {Type: HttpApi, Properties: {ApiId: !Ref GatewayApi, Path: "a//b", Method: GET}}
        E: {Type: HttpApi, Properties: {ApiId: !Ref GatewayApi, Path: /x, Method: GET, Auth: {Authorizer: Other}}}
        F: {Type: ScheduleV2, Properties: {}}
        G: {}
  BFunction: {Type: AWS::Serverless::Function, Properties: {Handler: !If [Unknown, a, b]}}
`
	_, err := template.Read([]byte(source), nil)
	if err == nil {
		t.Fatal("it is read without an error")
	}
	for _, want := range []string{"NoFunction", "AFunction.Timeout", "AFunction.MemorySize", "AFunction.B", "AFunction.C", "AFunction.D",
		"AFunction.E", "AFunction.F", "AFunction.G", "BFunction", "line "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in: %v", want, err)
		}
	}
}

func TestWhatIsNoTemplateIsRefusedAndDoesNotHangOrCrash(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 8 {
		bomb += string(rune('b'+i)) + ": &" + string(rune('b'+i)) + " [" + strings.Repeat("*"+string(rune('a'+i))+",", 9) + "*" + string(rune('a'+i)) + "]\n"
	}
	for name, source := range map[string]string{
		"nothing":                         "",
		"a list":                          "[1, 2]",
		"garbled YAML":                    "Resources: {",
		"no resources":                    "Parameters: {}",
		"a condition that needs itself":   "Conditions: {A: !Condition A}\nResources: {F: {Type: AWS::Serverless::Function, Condition: A}}",
		"an unknown function":             "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: !Frob x}}}",
		"a Sub that does not end":         `Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: !Sub "${a"}}}`,
		"a mapping that is not there":     "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: !FindInMap [A, b, c]}}}",
		"a name that is there twice":      "Resources: {F: {Type: AWS::Serverless::Function, Properties: {A: {b: 1, b: 2}}}}",
		"aliases that grow exponentially": "Mappings:\n  " + strings.ReplaceAll(strings.TrimSpace(bomb), "\n", "\n  ") + "\nResources: {}\n",
		"an alias inside its own anchor":  "Mappings: &a {x: *a}\nResources: {}",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := template.Read([]byte(source), nil); err == nil {
				t.Errorf("read as %+v", got)
			}
		})
	}
}

func FuzzReadNeverPanicsAndKeepsItsPromises(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: {A: {Type: HttpApi}}}}}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, source []byte) {
		got, err := template.Read(source, nil)
		if (got == nil) == (err == nil) {
			t.Fatalf("%+v and %v", got, err)
		}
		if err != nil {
			return
		}
		for _, fn := range got.Functions {
			if fn.Timeout <= 0 || fn.MemoryMB <= 0 {
				t.Errorf("a function without limits: %+v", fn)
			}
		}
		for _, a := range got.APIs {
			for _, r := range a.Routes {
				if _, ok := got.Function(r.Function); !ok {
					t.Errorf("a route to nowhere: %+v", r)
				}
				if _, ok := got.Function(r.Authorizer); r.Authorizer != "" && !ok {
					t.Errorf("a route whose authorizer is not there: %+v", r)
				}
			}
		}
	})
}
